if(TARGET torchelastic-static)
    torchelastic_system_test(static_agent TIMEOUT 70)
endif()

# A container plugin of the tests' own, and steps in its containers. They need a root that
# tests/stacks.sh makes, so tests/run.sh runs them behind it: the label tells.
if(TARGET spank_torchelastic AND TARGET torchelastic-static)
    add_library(container_plugin MODULE container_plugin.c)
    set_target_properties(container_plugin PROPERTIES
        PREFIX "" NO_SONAME ON LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(container_plugin SYSTEM PRIVATE ${SLURM_INCLUDE_DIR})
    torchelastic_system_test(container HEAVY TIMEOUT 220 LABELS "cluster;container")
endif()
