foreach(part coordinator coordinator_members)
    torchelastic_unit_test(${part}_test LINKS torchelastic::coordinator)
endforeach()
