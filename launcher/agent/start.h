// From options and environment to a running agent.
#pragma once

#include "agent/environment.h"
#include "options/parser.h"

namespace torchelastic::agent {

/// Runs this node's agent to its end, under a keeper; the exit code of the process. Errors are
/// printed. To be called once, while there is one thread.
int run_agent(const options::Options& options, const Environment& environment);

}  // namespace torchelastic::agent
