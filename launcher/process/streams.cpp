// torchrun's rules of who is shown where.
#include "process/streams.h"

namespace torchelastic::process {

namespace {

Route one_route(bool redirect, bool tee, bool shown) {
    if (tee) return {Route::To::file, shown};
    if (redirect) return {Route::To::file, false};
    return {shown ? Route::To::console : Route::To::null, false};
}

}  // namespace

Routes route(int local_rank, StreamSet redirect, StreamSet tee,
             const std::optional<std::set<int>>& filter, bool has_files) {
    const bool shown = !filter || filter->contains(local_rank);
    if (!has_files) redirect = tee = {};
    return {one_route(redirect.out, tee.out, shown), one_route(redirect.err, tee.err, shown)};
}

}  // namespace torchelastic::process
