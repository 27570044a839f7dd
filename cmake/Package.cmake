# `cpack -G DEB`: torchelastic, which needs no Slurm, and torchelastic-slurm, the plugin, which needs
# the Slurm that it was built for. What Debian wants of a package is added by DebianFiles.cmake.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME torchelastic)
if(NOT CPACK_PACKAGE_CONTACT)  # -D CPACK_PACKAGE_CONTACT="Name <address>": who answers for the package
    set(CPACK_PACKAGE_CONTACT "torchelastic <torchelastic@localhost>")
endif()
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_MONOLITHIC_INSTALL OFF)
set(CPACK_COMPONENTS_ALL program)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/DebianFiles.cmake)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME torchelastic)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "python3-torch, torchelastic-slurm")
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
"elastic PyTorch jobs: a lean drop-in for torchrun
The agent of each node starts the workers of a distributed PyTorch program,
restarts all of them when one fails, and says at the end which one failed
first, and why. It starts in milliseconds. Workers are unmodified programs.")

if(TARGET spank_torchelastic)
    list(APPEND CPACK_COMPONENTS_ALL plugin)
    set(CPACK_DEBIAN_PLUGIN_PACKAGE_NAME torchelastic-slurm)
    string(REGEX MATCH "^([0-9]+)[.]([0-9]+)$" unused ${TORCHELASTIC_SLURM_VERSION})
    math(EXPR next "${CMAKE_MATCH_2} + 1")
    set(above "${CMAKE_MATCH_1}.${next}")
    if(next LESS 10)
        set(above "${CMAKE_MATCH_1}.0${next}")
    endif()
    # Slurm loads the plugins of its own release only.
    set(CPACK_DEBIAN_PLUGIN_PACKAGE_DEPENDS
        "torchelastic (= ${PROJECT_VERSION}), slurm-wlm-basic-plugins (>= ${TORCHELASTIC_SLURM_VERSION}), slurm-wlm-basic-plugins (<< ${above}~)")
    set(CPACK_DEBIAN_PLUGIN_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/install/conffiles)
    file(WRITE ${CMAKE_BINARY_DIR}/install/conffiles
        "/etc/slurm/plugstack.conf.d/torchelastic.conf\n")
    set(CPACK_COMPONENT_PLUGIN_DESCRIPTION
"elastic PyTorch jobs: the options of srun, sbatch and salloc
A SPANK plugin for Slurm ${TORCHELASTIC_SLURM_VERSION}: with --torchelastic the tasks of a step become
the agents of one elastic PyTorch job. It is needed where jobs are submitted
and where they run.")
endif()
include(CPack)
