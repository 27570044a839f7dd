// The file in which a worker under torch's @record says why it failed. Reading is pure but for
// read_error_file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace torchelastic::agent {

struct RecordedError {
    std::string message;
    std::string traceback;
};

/// {"message": {"message": ..., "extraInfo": {"py_callstack": ...}}} or {"message": "..."}, as
/// torch.distributed.elastic writes and reads them. A file that was cut short, or is no JSON, gives
/// its text as the message: it must neither hide the failure nor end the job.
std::optional<RecordedError> parse_error_file(std::string_view text);

/// Nothing if there is no such regular file or it is empty. At most 256 KiB are read.
std::optional<RecordedError> read_error_file(const std::string& path);

}  // namespace torchelastic::agent
