// torchrun's rules of the watchdog's variables.
#include "agent/timer_file.h"

#include <unistd.h>

#include <random>

#include <fmt/format.h>

#include "agent/scratch.h"

namespace torchelastic::agent {

TimerFile::TimerFile(const Environment& environment, const char* scratch) {
    const auto enabled = environment.find("TORCHELASTIC_ENABLE_FILE_TIMER");
    if (enabled == environment.end() || enabled->second != "1") return;
    const auto named = environment.find("TORCHELASTIC_TIMER_FILE");
    if (named != environment.end() && !named->second.empty()) {
        path_ = named->second;
        return;
    }
    const std::string folder = scratch != nullptr ? scratch : temporary_folder();
    std::random_device random;
    path_ = fmt::format("{}/watchdog_timer_{:08x}{:08x}", folder, random(), random());
    made_up_ = true;
}

TimerFile::~TimerFile() {
    if (made_up_) ::unlink(path_->c_str());
}

}  // namespace torchelastic::agent
