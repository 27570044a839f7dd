if(TARGET spank_torchelastic)
    add_test(NAME system.spank
        COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/spank.sh
            ${CMAKE_SOURCE_DIR}/contrib/slurm/cluster $<TARGET_FILE:spank_torchelastic>)
    set_tests_properties(system.spank PROPERTIES
        LABELS cluster RUN_SERIAL ON TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()
