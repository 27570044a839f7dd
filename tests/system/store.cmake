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
        LABELS "system;torch" TIMEOUT 300 SKIP_RETURN_CODE 77)
else()
    message(WARNING "no python3: the workers' store will not be held against torch's own")
endif()

# libtorch's own client. Not with sanitizers: libtorch would need them, too.
find_path(TORCH_INCLUDE_DIR torch/csrc/distributed/c10d/TCPStore.hpp)
find_library(TORCH_CPU_LIBRARY torch_cpu)
find_library(C10_LIBRARY c10)
if(TORCHELASTIC_SANITIZE)
    message(STATUS "store_libtorch is not built with sanitizers")
elseif(TORCH_INCLUDE_DIR AND TORCH_CPU_LIBRARY AND C10_LIBRARY)
    add_executable(store_libtorch store_libtorch.cpp)
    set_target_properties(store_libtorch PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_options(store_libtorch PRIVATE -O0)  # most of it is libtorch's headers
    target_include_directories(store_libtorch SYSTEM PRIVATE
        ${TORCH_INCLUDE_DIR} ${TORCH_INCLUDE_DIR}/torch/csrc/api/include)
    target_link_libraries(store_libtorch PRIVATE ${TORCH_CPU_LIBRARY} ${C10_LIBRARY})
    add_test(NAME system.store_libtorch
        COMMAND store_libtorch $<TARGET_FILE:store_server>)
    set_tests_properties(system.store_libtorch PROPERTIES LABELS "system;torch" TIMEOUT 120)
else()
    message(WARNING "no libtorch (libtorch-dev): the workers' store will not be held against the "
                    "C++ client")
endif()

torchelastic_system_test(worker_store HEAVY TIMEOUT 320 LABELS torch)
