foreach(part timers server)
    torchelastic_unit_test(watchdog_${part}_test LINKS torchelastic::watchdog)
endforeach()
