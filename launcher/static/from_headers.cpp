// fmt and spdlog for the static program, made of their own headers: Debian has neither as an
// archive. The compiler keeps what nothing here calls (-fkeep-inline-functions); the linker drops
// the rest.
#define FMT_HEADER_ONLY
#define SPDLOG_HEADER_ONLY

#include <fmt/format.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

// A template, which nobody instantiates who only sees the compiled library's headers.
template class spdlog::sinks::base_sink<spdlog::details::null_mutex>;
