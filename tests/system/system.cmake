# The product as its users have it: tests/system/NAME.py, one promise each. Those labelled "cluster"
# need root and Slurm. The lock keeps apart what would take the two cores of a small machine from
# the others: many Pythons, and bounds of seconds.
function(torchelastic_system_test name)
    cmake_parse_arguments(ARG "HEAVY" "TIMEOUT" "LABELS" ${ARGN})
    add_test(NAME system.${name}
        COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${name}.py --build-dir ${CMAKE_BINARY_DIR})
    set_tests_properties(system.${name} PROPERTIES
        LABELS "system;${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 77)
    if(ARG_HEAVY)
        set_tests_properties(system.${name} PROPERTIES RESOURCE_LOCK cores)
    endif()
endfunction()

# A test ends itself, and its cluster with it, a little before ctest would.
torchelastic_system_test(standalone TIMEOUT 320)
torchelastic_system_test(standalone_training HEAVY TIMEOUT 320)
if(TARGET spank_torchelastic)
    torchelastic_system_test(main_job HEAVY TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(recorded_exception HEAVY TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(restart HEAVY TIMEOUT 440 LABELS cluster)
    torchelastic_system_test(worker_exits HEAVY TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(worker_environment TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(agent_killed TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(signals TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(two_jobs TIMEOUT 320 LABELS cluster)
endif()
if(TARGET spank_torchelastic AND TARGET rdzv_pmix)
    torchelastic_system_test(pmix TIMEOUT 320 LABELS cluster)
endif()
