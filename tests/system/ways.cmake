# The ways in which people use a cluster.
if(TARGET spank_torchelastic)
    add_library(pyxis_options MODULE pyxis_options.c)
    set_target_properties(pyxis_options PROPERTIES
        PREFIX "" NO_SONAME ON LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(pyxis_options SYSTEM PRIVATE ${SLURM_INCLUDE_DIR})
    if(TORCHELASTIC_SANITIZE)  # srun, which loads it, has no sanitizer
        target_compile_options(pyxis_options PRIVATE -fno-sanitize=all)
        target_link_options(pyxis_options PRIVATE -fno-sanitize=all)
    endif()
    torchelastic_system_test(batch_scripts HEAVY TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(lost_nodes HEAVY TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(sixteen_nodes HEAVY TIMEOUT 320 LABELS cluster)
    torchelastic_system_test(ways HEAVY TIMEOUT 320 LABELS cluster)
endif()
