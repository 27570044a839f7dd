// The slip, and what becomes of it.
#include "spank/requeue.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "spank/handover.h"
#include "spank/request.h"
#include "spank/step_options.h"

namespace torchelastic::door {

namespace {

constexpr useconds_t kTimeToBeHeard = 100000;

/// Of this slurmstepd, which has one step: read when its variables may be gone.
struct {
    int file = -1;
    std::string ends;
    std::uint32_t job = 0;
} slip;

std::string read_slip() {
    char word[32];
    const ssize_t size = pread(slip.file, word, sizeof(word), 0);
    return {word, size < 0 ? 0 : static_cast<std::size_t>(size)};
}

const slurm_job_info_t* find(const job_info_msg_t& jobs, std::uint32_t id) {
    for (std::uint32_t i = 0; i < jobs.record_count; ++i) {
        if (jobs.job_array[i].job_id == id) return &jobs.job_array[i];
    }
    return nullptr;
}

/// Nothing to say if the job ended by something else, which only Slurm can tell.
void ask(const std::string& word) {
    const auto& [file, ends, job] = slip;
    job_info_msg_t* jobs = nullptr;
    if (slurm_load_job(&jobs, JobArgument{job}, 0) != SLURM_SUCCESS) {
        return slurm_error("torchelastic: --requeue-on=%s: cannot ask Slurm about job %u: %s",
                           ends.c_str(), job, slurm_strerror(errno));
    }
    JobEnd end;
    bool batch = true;
    if (const slurm_job_info_t* info = find(*jobs, job)) {
        end.preempted = info->preempt_time != 0;
        end.timed_out = (info->job_state & JOB_STATE_BASE) == JOB_TIMEOUT;
        batch = info->batch_flag != 0;
    }
    slurm_free_job_info_msg(jobs);
    const std::string cause(cause_of_end(word, end));
    if (cause.empty() || !is_one_of(cause, ends)) return;
    if (!batch) {
        return slurm_error(
            "torchelastic: --requeue-on=%s: job %u is not a batch job: only those that sbatch "
            "submits can be requeued",
            ends.c_str(), job);
    }
    // Said before it is done, and with time to arrive: srun is killed with the job.
    slurm_spank_log("torchelastic: asking Slurm to requeue job %u (--requeue-on=%s)", job,
                    cause.c_str());
    usleep(kTimeToBeHeard);
    if (slurm_requeue(JobArgument{job}, 0) != SLURM_SUCCESS) {
        // Slurm requeues by itself what its own settings say, and what another node asked for.
        if (errno == ESLURM_JOB_PENDING) return;
        return slurm_error("torchelastic: --requeue-on=%s: Slurm does not requeue job %u: %s",
                           ends.c_str(), job, slurm_strerror(errno));
    }
}

}  // namespace

void hand_on_slip(spank_t spank) {
    const char* ends = given(spank, "requeue-on");
    if (!slurm_load_job || !slurm_requeue || ends == nullptr) return;
    slip.ends = ends;
    char id[16];  // of a heterogeneous job the first component's, which S_JOB_ID is not
    if (spank_getenv(spank, "SLURM_JOB_ID", id, sizeof(id)) != ESPANK_SUCCESS) return;
    slip.job = static_cast<std::uint32_t>(std::strtoul(id, nullptr, 10));
    slip.file = memfd_create("torchelastic requeue", 0);
    if (slip.file >= 0) spank_setenv(spank, kSlip, std::to_string(slip.file).c_str(), 1);
}

void requeue_if_asked() {
    if (slip.file < 0) return;
    const std::string word = read_slip();
    if (!word.empty()) ask(word);
}

}  // namespace torchelastic::door
