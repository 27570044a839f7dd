// What a site's plugstack.conf says behind the plugin's path. Pure.
#pragma once

#include <string>
#include <vector>

namespace torchelastic::door {

struct Site {
    std::string agent;       ///< agent=PATH; empty: the one of the plugin's own tree
    bool mpi = true;         ///< mpi=off: elastic steps get no MPI from Slurm unless they ask
    std::string port_range;  ///< port_range=LOW-HIGH: the default of --port-range
    std::string log_dir;     ///< log_dir=DIR: the default of --log-dir where logs are asked for
    std::string trouble;     ///< what is not understood, in words, for the log; and ignored
};

Site read_site(const std::vector<std::string>& words);

/// A log_dir with the name of the user for %u, the job's number for %j and a percent sign for %%.
std::string log_dir_of(const std::string& pattern, const std::string& user, const std::string& job);

}  // namespace torchelastic::door
