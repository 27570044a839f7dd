torchelastic_unit_test(rendezvous_document_test LINKS torchelastic::agent)
target_compile_definitions(rendezvous_document_test PRIVATE DOCS="${CMAKE_SOURCE_DIR}/docs")
