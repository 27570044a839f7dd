foreach(part coordinator coordinator_members coordinator_open)
    torchelastic_unit_test(${part}_test LINKS torchelastic::coordinator)
endforeach()
