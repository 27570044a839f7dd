// Reading files from their ends.
#include "agent/last_lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/fd.h"
#include "base/text.h"

namespace torchelastic::agent {

namespace {

std::string as_shown(std::string_view line) {
    line = line.substr(0, line.find_last_not_of('\r') + 1);
    line.remove_prefix(line.rfind('\r') + 1);  // npos + 1 is 0
    std::string shown;
    for (const char each : line) {
        if (each == '\t') {
            shown.append(8 - shown.size() % 8, ' ');
        } else {
            shown += each;
        }
    }
    return shown;
}

}  // namespace

std::string last_lines(std::string_view text, bool cut) {
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    if (text.empty()) return "";
    std::vector<std::string> lines = split(text, '\n');
    const std::size_t broken = cut && lines.size() > 1 ? 1 : 0;
    const std::size_t shown = std::min(lines.size() - broken, kLastLines);
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(shown));
    std::transform(lines.begin(), lines.end(), lines.begin(), as_shown);
    return join(lines, "\n");
}

std::string read_last_lines(const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
    const off_t begin = std::max<off_t>(0, status.st_size - static_cast<off_t>(kLastBytes));
    std::string text(kLastBytes, '\0');
    const ssize_t got = ::pread(file.get(), text.data(), text.size(), begin);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return last_lines(text, begin > 0);
}

}  // namespace torchelastic::agent
