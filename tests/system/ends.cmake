# What Slurm does to jobs.
if(TARGET spank_torchelastic)
    torchelastic_system_test(ends HEAVY TIMEOUT 420 LABELS cluster)
endif()
