torchelastic_unit_test(report_event_test LINKS torchelastic::report nlohmann_json::nlohmann_json)
target_compile_definitions(report_event_test PRIVATE DOCS="${CMAKE_SOURCE_DIR}/docs")
torchelastic_unit_test(agent_journal_test LINKS torchelastic::agent)
torchelastic_unit_test(health_test LINKS torchelastic::health)
if(TARGET health_http)
    target_compile_definitions(health_test
        PRIVATE HEALTH_MODULES="${CMAKE_LIBRARY_OUTPUT_DIRECTORY}")
    add_dependencies(health_test health_http)
endif()
