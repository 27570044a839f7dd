foreach(part exit_status streams line_assembler tree spawn child group output keeper)
    torchelastic_unit_test(process_${part}_test LINKS torchelastic::process)
endforeach()
