foreach(part exit_status streams line_assembler line_filter line_gate follower tree spawn child group
    output pipe duplicate console keeper oom notify)
    torchelastic_unit_test(process_${part}_test LINKS torchelastic::process)
endforeach()
