# The ways in which people use a cluster.
if(TARGET spank_torchelastic)
    torchelastic_system_test(batch_scripts HEAVY TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(lost_nodes HEAVY TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(sixteen_nodes HEAVY TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(ways HEAVY TIMEOUT 320 LABELS cluster)
endif()
