// Telling a program by a signal without ending one that does not listen for it.
#pragma once

#include <sys/types.h>

#include <string_view>

namespace torchelastic::process {

/// Whether a process does something of its own when it gets the signal: it has a handler, or holds
/// the signal back to wait for it. `status` is the text of /proc/<pid>/status. Pure.
bool listens(std::string_view status, int signal);

/// Sends the signal to `root` or, if that one does not listen (a shell around the training
/// program), to those of its descendants that are nearest to it and do; nobody dies of it. Returns
/// how many were told.
int notify_tree(pid_t root, int signal);

}  // namespace torchelastic::process
