foreach(module codec key_space sessions server golden)
    torchelastic_unit_test(store_${module}_test LINKS torchelastic::store torchelastic::net)
endforeach()
target_compile_definitions(store_golden_test
    PRIVATE TRACES="${CMAKE_SOURCE_DIR}/tests/conformance/traces")
