torchelastic_unit_test(hardware_visible_test LINKS torchelastic::hardware)
torchelastic_unit_test(hardware_sysfs_test LINKS torchelastic::hardware)
torchelastic_unit_test(hardware_cpu_quota_test LINKS torchelastic::hardware)
torchelastic_unit_test(hardware_binding_test LINKS torchelastic::hardware PkgConfig::hwloc)
torchelastic_unit_test(hardware_nvml_test LINKS torchelastic::hardware ${CMAKE_DL_LIBS})

# A driver's library for machines without GPUs: one file per version that the tests need.
function(fake_nvml folder)
    add_library(${folder} SHARED hardware_fake_nvml.cpp)
    set_target_properties(${folder} PROPERTIES
        OUTPUT_NAME nvidia-ml VERSION 1 SOVERSION 1
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/${folder})
    target_compile_definitions(${folder} PRIVATE ${ARGN})
    add_dependencies(hardware_nvml_test ${folder})
endfunction()
fake_nvml(fake_nvml)
fake_nvml(fake_nvml_old FAKE_OLD)
target_compile_definitions(hardware_nvml_test PRIVATE TEST_NVML="${CMAKE_BINARY_DIR}/tests/fake_nvml")
