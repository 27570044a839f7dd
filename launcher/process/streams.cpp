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

void part(std::vector<Routes>& workers, Mixing mixing) {
    const auto shown = [](const Route& route) {
        return route.to == Route::To::console || route.tee;
    };
    int on_out = 0;
    int on_err = 0;
    for (const Routes& each : workers) {
        const bool out = shown(each.out);
        const bool err = shown(each.err);
        on_out += out || (mixing.same && err) ? 1 : 0;
        on_err += err || (mixing.same && out) ? 1 : 0;
    }
    for (Routes& each : workers) {
        if (mixing.out && on_out > 1 && each.out.to == Route::To::console) {
            each.out.to = Route::To::pipe;
        }
        if (mixing.err && on_err > 1 && each.err.to == Route::To::console) {
            each.err.to = Route::To::pipe;
        }
    }
}

}  // namespace torchelastic::process
