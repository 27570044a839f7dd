add_executable(store_server store_server.cpp)
set_target_properties(store_server PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(store_server PRIVATE torchelastic::store torchelastic::net)

# The system's python3 first: it is where a distribution's torch lives.
find_program(TORCHELASTIC_PYTHON python3 HINTS /usr/bin DOC "the Python whose torch the tests use")
if(TORCHELASTIC_PYTHON)
    add_test(NAME system.store_conformance
        COMMAND ${TORCHELASTIC_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/store_conformance.py
            $<TARGET_FILE:store_server>)
    set_tests_properties(system.store_conformance PROPERTIES
        LABELS system TIMEOUT 300 SKIP_RETURN_CODE 77)
else()
    message(WARNING "no python3: the workers' store will not be held against torch's own")
endif()
