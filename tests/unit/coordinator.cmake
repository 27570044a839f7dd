foreach(part coordinator coordinator_members coordinator_notices coordinator_open
        coordinator_roster
        coordinator_takeover quorum succession succession_members)
    torchelastic_unit_test(${part}_test LINKS torchelastic::coordinator)
endforeach()
