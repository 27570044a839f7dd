torchelastic_unit_test(store_codec_test LINKS torchelastic::store)
torchelastic_unit_test(store_key_space_test LINKS torchelastic::store)
torchelastic_unit_test(store_sessions_test LINKS torchelastic::store)
torchelastic_unit_test(store_golden_test LINKS torchelastic::store)
target_compile_definitions(store_golden_test
    PRIVATE TRACES="${CMAKE_SOURCE_DIR}/tests/conformance/traces")
