if(TARGET rdzv_etcd)
    torchelastic_system_test(etcd HEAVY TIMEOUT 320)
endif()
