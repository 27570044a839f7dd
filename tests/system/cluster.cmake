if(TARGET spank_torchelastic)
    torchelastic_system_test(cluster HEAVY TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(cgroups TIMEOUT 320 LABELS cluster)
endif()
