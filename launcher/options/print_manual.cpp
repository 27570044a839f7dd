// Prints the manual page, while the project is built: print_manual DATE.
#include <cstdio>

#include "options/manual.h"

int main(int argc, char** argv) {
    const std::string text = torchelastic::options::manual(argc > 1 ? argv[1] : "");
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
