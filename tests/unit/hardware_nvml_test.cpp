// Talking to the driver's library. A fake stands for it; loaded first, it is what dlopen(3) finds
// under the name.
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "hardware/nvml.h"

namespace torchelastic::hardware {
namespace {

class Driver {
public:
    Driver(const char* folder, const char* gpus)
        : library_(::dlopen((std::string(TEST_NVML) + folder + "/libnvidia-ml.so.1").c_str(),
                            RTLD_NOW)) {
        EXPECT_NE(library_, nullptr) << ::dlerror();
        ::setenv("FAKE_NVML", gpus, 1);
    }
    ~Driver() { ::dlclose(library_); }
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

private:
    void* library_;
};

TEST(Nvml, lists_the_gpus_that_this_process_may_use) {
    const Driver driver("", "3");
    for (int again = 0; again < 2; ++again) {
        const auto gpus = ask_nvml();
        ASSERT_TRUE(gpus) << gpus.error().text();
        const std::vector<Gpu> expected = {
            {.pci = "0001:c1:02.0", .uuid = "GPU-0"},
            {.pci = "0001:c2:02.0", .uuid = "GPU-1", .instances = {"MIG-1", "MIG-4"}},
            {.pci = "0001:c3:02.0", .uuid = "GPU-2"},
        };
        EXPECT_EQ(*gpus, expected);
    }
}

TEST(Nvml, may_list_none) {
    const Driver driver("", "0");
    const auto gpus = ask_nvml();
    ASSERT_TRUE(gpus);
    EXPECT_TRUE(gpus->empty());
}

TEST(Nvml, that_does_not_work_says_why) {
    const Driver driver("", "broken");
    EXPECT_EQ(ask_nvml().error().text(), "nvmlInit_v2: Driver Not Loaded");
}

TEST(NvmlOfOldDrivers, is_not_enough) {
    // A program of its own: this one may have loaded another test's library, which stays.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            const Driver driver("_old", "3");
            const auto gpus = ask_nvml();
            ::_exit(gpus ? 1 : gpus.error().text().find("lacks functions") == std::string::npos);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace torchelastic::hardware
