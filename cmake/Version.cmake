# What `torchelastic --version` says of its build: facts.h, written when CMake configures, and
# commit.h, written again only when the commit changes, so that a build without changes does nothing.
# Included last, when all that was looked for is found or known to be absent.
set(facts ${CMAKE_BINARY_DIR}/version)

file(STRINGS ${ASIO_INCLUDE_DIR}/asio/version.hpp asio_number REGEX "define ASIO_VERSION [0-9]+")
string(REGEX REPLACE ".*ASIO_VERSION ([0-9]+).*" "\\1" asio_number "${asio_number}")
math(EXPR asio_major "${asio_number} / 100000")
math(EXPR asio_minor "${asio_number} / 100 % 1000")
math(EXPR asio_patch "${asio_number} % 100")

set(libraries
    "asio ${asio_major}.${asio_minor}.${asio_patch}"
    "fmt ${fmt_VERSION}"
    "hwloc ${hwloc_VERSION}"
    "libsodium ${sodium_VERSION}"
    "nlohmann-json ${nlohmann_json_VERSION}"
    "spdlog ${spdlog_VERSION}")
list(JOIN libraries ", " libraries)

set(built_with "${CMAKE_BUILD_TYPE}, ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
string(APPEND built_with ", ${CMAKE_SYSTEM_NAME} ${CMAKE_SYSTEM_PROCESSOR}")
if(TORCHELASTIC_SANITIZE)
    string(APPEND built_with ", -fsanitize=${TORCHELASTIC_SANITIZE}")
endif()

set(slurm "not built: there were no Slurm headers")
if(TARGET spank_torchelastic)
    set(slurm "for Slurm ${TORCHELASTIC_SLURM_VERSION}")
endif()
set(pmix "not built: there was no libpmix")
if(TARGET rdzv_pmix)
    set(pmix "libpmix ${pmix_VERSION}")
endif()
set(etcd "not built: there was no cpp-httplib")
set(health "${etcd}")
if(TARGET rdzv_etcd)
    set(etcd "cpp-httplib ${httplib_VERSION}")
endif()
if(TARGET health_http)
    set(health "cpp-httplib ${httplib_VERSION}")
endif()

file(CONFIGURE OUTPUT ${facts}/facts.h @ONLY CONTENT
"// Written by cmake/Version.cmake.
#pragma once
#define TORCHELASTIC_VERSION \"@PROJECT_VERSION@\"
#define TORCHELASTIC_BUILD \"@built_with@\"
#define TORCHELASTIC_SLURM \"@slurm@\"
#define TORCHELASTIC_PMIX \"@pmix@\"
#define TORCHELASTIC_ETCD \"@etcd@\"
#define TORCHELASTIC_HEALTH \"@health@\"
#define TORCHELASTIC_LIBRARIES \"@libraries@\"
")

# The reflog grows with every commit, HEAD only changes with the branch.
set(moves)
find_package(Git QUIET)
if(GIT_FOUND)
    execute_process(
        COMMAND ${GIT_EXECUTABLE} -C ${CMAKE_SOURCE_DIR} rev-parse --path-format=absolute
            --git-path logs/HEAD --git-path HEAD
        OUTPUT_VARIABLE moves OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    string(REPLACE "\n" ";" moves "${moves}")
    list(FILTER moves INCLUDE REGEX "^/")
endif()
set(watched)
foreach(file IN LISTS moves)
    if(EXISTS ${file})
        list(APPEND watched ${file})
    endif()
endforeach()
add_custom_command(
    OUTPUT ${facts}/commit.h
    COMMAND ${CMAKE_COMMAND} -D SOURCE=${CMAKE_SOURCE_DIR} -D OUTPUT=${facts}/commit.h
        -D GIT=${GIT_EXECUTABLE} -P ${CMAKE_SOURCE_DIR}/cmake/Commit.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/cmake/Commit.cmake ${watched}
    VERBATIM)
add_custom_target(commit DEPENDS ${facts}/commit.h)
foreach(program torchelastic torchelastic-static)
    if(TARGET ${program})
        add_dependencies(${program} commit)
        target_include_directories(${program} PRIVATE ${facts})
    endif()
endforeach()
