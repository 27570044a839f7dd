torchelastic_unit_test(report_event_test LINKS torchelastic::report nlohmann_json::nlohmann_json)
target_compile_definitions(report_event_test PRIVATE DOCS="${CMAKE_SOURCE_DIR}/docs")
