# torchelastic_library(NAME SOURCES ... LINKS ... PRIVATE ...): the library of one folder. LINKS go on
# to those who link it, PRIVATE ones do not.
#
# A folder's headers are reached as "NAME/header.h" through an include directory of that folder's
# own, which only those see who link the library: an include against the direction of
# dependencies does not build.
function(torchelastic_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE" ${ARGN})
    set(door ${CMAKE_BINARY_DIR}/include/${name})
    file(MAKE_DIRECTORY ${door})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${door}/${name} SYMBOLIC)
    if(ARG_SOURCES)
        add_library(torchelastic_${name} STATIC ${ARG_SOURCES})
        target_include_directories(torchelastic_${name} PUBLIC ${door})
        target_link_libraries(torchelastic_${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE})
    else()
        add_library(torchelastic_${name} INTERFACE)
        target_include_directories(torchelastic_${name} INTERFACE ${door})
        target_link_libraries(torchelastic_${name} INTERFACE ${ARG_LINKS})
    endif()
    add_library(torchelastic::${name} ALIAS torchelastic_${name})
endfunction()

# torchelastic_module(NAME SOURCES ... LINKS ... INCLUDES ... OPTIONS ...): what the agent loads
# when it is asked for, so that neither its start-up time nor its installation depends on LINKS. It
# shows what the folder's exports.map names, and shares no library of ours with the program: two
# copies of Asio in one process would not get along.
function(torchelastic_module name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;INCLUDES;OPTIONS" ${ARGN})
    set(exports ${CMAKE_CURRENT_SOURCE_DIR}/exports.map)
    add_library(${name} MODULE ${ARG_SOURCES})
    set_target_properties(${name} PROPERTIES PREFIX "" NO_SONAME ON LINK_DEPENDS ${exports})
    target_include_directories(${name} SYSTEM PRIVATE ${ARG_INCLUDES})
    target_compile_options(${name} PRIVATE ${ARG_OPTIONS})
    target_link_libraries(${name} PRIVATE ${ARG_LINKS})
    target_link_options(${name} PRIVATE -Wl,--version-script=${exports})
    install(TARGETS ${name} LIBRARY DESTINATION ${TORCHELASTIC_LIBDIR} COMPONENT program)
endfunction()

# torchelastic_unit_test(MODULE_test LINKS ...): tests/unit/MODULE_test.cpp, run case by case.
function(torchelastic_unit_test name)
    cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
    add_executable(${name} ${name}.cpp)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gtest_main)
    gtest_discover_tests(${name} TEST_PREFIX "unit." PROPERTIES LABELS unit TIMEOUT 60)
endfunction()
