// By /proc, because Slurm tells a plugin neither the words nor the environment it was called with.
#include "spank/own_process.h"

#include <cstdio>
#include <vector>

namespace torchelastic::door {

namespace {

/// Without the last zero byte's empty word.
std::vector<std::string> words_of(const char* path) {
    const std::string bytes = read_file(path);
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin < bytes.size();) {
        words.emplace_back(bytes.c_str() + begin);
        begin += words.back().size() + 1;
    }
    return words;
}

}  // namespace

/// Not by a stream of the standard library, which would be most of the plugin's size.
std::string read_file(const char* path, std::size_t most) {
    std::string bytes;
    std::FILE* file = std::fopen(path, "re");
    if (file == nullptr) return bytes;
    char chunk[4096];
    while (bytes.size() < most) {
        const std::size_t length = std::fread(chunk, 1, sizeof(chunk), file);
        if (length == 0) break;
        bytes.append(chunk, length);
    }
    std::fclose(file);
    return bytes;
}

CommandLine own_command_line() {
    return scan(words_of("/proc/self/cmdline"));
}

bool was_started_with(std::string_view name) {
    for (const std::string& variable : words_of("/proc/self/environ")) {
        if (variable.size() > name.size() && variable[name.size()] == '=' &&
            variable.starts_with(name)) {
            return true;
        }
    }
    return false;
}

}  // namespace torchelastic::door
