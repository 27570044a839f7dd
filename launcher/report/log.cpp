// Logging by spdlog, which nobody else includes.
#include "report/log.h"

#include <utility>

#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include "base/text.h"

namespace torchelastic::report {

struct Log::State {
    std::function<void(std::string_view)> write;
    spdlog::logger logger;
};

namespace {

class Sink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    explicit Sink(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        write_({line.data(), line.size()});
    }
    void flush_() override {}

private:
    std::function<void(std::string_view)> write_;
};

spdlog::level::level_enum threshold(const std::string& name) {
    if (name == "DEBUG") return spdlog::level::debug;
    if (name == "INFO") return spdlog::level::info;
    if (name == "ERROR") return spdlog::level::err;
    return spdlog::level::warn;
}

/// Text from workers and peers may hold anything; every line of ours stays one line each.
std::string shown(const std::string& text) {
    return printable(text, 16UL * 1024);
}

}  // namespace

Log::Log(const std::string& node, const std::string& level,
         const std::function<void(std::string_view)>& write)
    : state_(new State{write, spdlog::logger(printable(node), std::make_shared<Sink>(write))}) {
    state_->logger.set_pattern("%L%m%d %H:%M:%S.%e torchelastic[%n] %v");
    state_->logger.set_level(threshold(level));
}

Log::~Log() = default;

void Log::info(const std::string& text) {
    state_->logger.info("{}", shown(text));
}

void Log::warning(const std::string& text) {
    state_->logger.warn("{}", shown(text));
}

void Log::error(const std::string& text) {
    state_->logger.error("{}", shown(text));
}

void Log::verbatim(const std::string& text) {
    state_->write(text);
}

}  // namespace torchelastic::report
