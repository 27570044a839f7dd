// The program `torchelastic`.
int main() {
    return 0;
}
