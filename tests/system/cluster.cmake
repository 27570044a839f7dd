if(TARGET spank_torchelastic)
    torchelastic_system_test(cluster HEAVY TIMEOUT 320 LABELS cluster)
endif()
