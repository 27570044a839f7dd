// Logging by spdlog, which nobody else includes.
#include "report/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/text.h"

namespace torchelastic::report {

struct Log::State {
    spdlog::logger logger;
};

namespace {

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

Log::Log(const std::string& node, const std::string& level)
    : state_(new State{
          spdlog::logger(printable(node), std::make_shared<spdlog::sinks::stderr_sink_mt>())}) {
    state_->logger.set_pattern("%L%m%d %H:%M:%S.%e torchelastic[%n] %v");
    state_->logger.set_level(threshold(level));
    // A closed or full stderr is nothing to die of.
    state_->logger.set_error_handler([](const std::string&) {});
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

}  // namespace torchelastic::report
