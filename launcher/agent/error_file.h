// Files in which one program tells another why it failed, as torch.distributed.elastic has them:
// workers under @record write one for their agent, an agent one for whoever started it. Pure but
// for read_error_file and write_error_file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/environment.h"
#include "base/result.h"
#include "base/time.h"
#include "coordinator/messages.h"

namespace torchelastic::agent {

struct RecordedError {
    std::string message;
    std::string traceback;
    std::int64_t raised_s = 0;  ///< since the epoch; 0 if unknown
};

/// {"message": {"message": ..., "extraInfo": {"py_callstack": ..., "timestamp": ...}}} or
/// {"message": "...", "timestamp": ...}. A file that was cut short, or is no JSON, gives its text
/// as the message: it must neither hide the failure nor end the job.
std::optional<RecordedError> parse_error_file(std::string_view text);

/// Nothing if there is no such regular file or it is empty. At most 1 MiB is read.
std::optional<RecordedError> read_error_file(const std::string& path);

/// What the agent of a job that failed leaves in its own error file: what the worker that caused it
/// recorded or, if it did not, how it ended and the end of its stderr. "errorCode" is the worker's
/// exit code, or minus its signal, as in torchrun.
std::string error_document(const coordinator::WorkerFailure& cause);

/// The same of a job that failed for another reason, now.
std::string error_document(const std::string& reason, int exit_code, WallTime now);

/// Does nothing unless $TORCHELASTIC_ERROR_FILE names a file for us.
Result<void> leave_error_file(const Environment& environment, std::string_view document);

/// Replaces the file as a whole where that can be done; what is mounted, as a container's
/// termination log, or no regular file, is written to as it is.
Result<void> write_error_file(const std::string& path, std::string_view text);

}  // namespace torchelastic::agent
