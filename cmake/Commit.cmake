# cmake -D SOURCE=DIR -D OUTPUT=FILE -D GIT=PROGRAM -P Commit.cmake: writes a header that names the
# commit of SOURCE. A tree unpacked from an archive has none, also if it lies in somebody's repository.
set(commit "unknown: not built in a clone")
if(GIT)
    execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse --show-toplevel
        OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    file(REAL_PATH "${SOURCE}" source)
    if(top)
        file(REAL_PATH "${top}" top)
    endif()
    if(top STREQUAL source)
        execute_process(COMMAND ${GIT} -C ${SOURCE} describe --always --tags
            OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
        if(found)
            set(commit ${found})
        endif()
    endif()
endif()
file(WRITE ${OUTPUT} "// Written by cmake/Commit.cmake.
#pragma once
#define TORCHELASTIC_COMMIT \"${commit}\"
")
