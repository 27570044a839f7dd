# What workers write under Slurm, and where it arrives.
if(TARGET spank_torchelastic)
    torchelastic_system_test(srun_output HEAVY TIMEOUT 320 LABELS cluster)
endif()
