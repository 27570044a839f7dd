/* A container plugin such as pyxis, as small as it can be: --test-root=DIR puts the tasks of a step
 * into a copy of DIR that is theirs alone. As with pyxis the file system is made ready by root and
 * entered in task_init, by the user, through a user namespace; and variables of the "image" replace
 * those of the job. DIR:noproc: without /proc. DIR:early: entered by root, before our own plugin's
 * turn if that is the later one. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <slurm/spank.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

SPANK_PLUGIN(container, 1)

#define SCRATCH "/mnt"
#define ROOT SCRATCH "/root"
#define LONGEST 4096

static struct spank_option option = {"test-root", "DIR", "Run the tasks in a copy of this root",
                                     1,           0,     NULL};

int slurm_spank_init(spank_t spank, int count, char** arguments) {
    (void)count, (void)arguments;
    return spank_option_register(spank, &option);
}

/* Ends the task: a step that runs outside of its container would be a test that tests nothing. */
static void need(int result, const char* what) {
    if (result >= 0) return;
    slurm_error("container: %s: %s", what, strerror(errno));
    _exit(1);
}

static const char* wanted(spank_t spank, const char** how) {
    static char root[LONGEST];
    char* value = NULL;
    if (spank_option_getopt(spank, &option, &value) != ESPANK_SUCCESS || !value) return NULL;
    snprintf(root, sizeof root, "%s", value);
    char* colon = strchr(root, ':');
    *how = colon ? colon + 1 : "";
    if (colon) *colon = '\0';
    return root;
}

/* mkdir -p below ROOT, then the same folder of the node. */
static void share(const char* folder) {
    char path[2 * LONGEST];
    snprintf(path, sizeof path, ROOT "%s", folder);
    for (char* slash = path + strlen(ROOT) + 1; (slash = strchr(slash, '/')); ++slash) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    mkdir(path, 0755);
    need(mount(folder, path, NULL, MS_BIND | MS_REC, NULL), folder);
}

/* The same working directory, if there is one. */
static void enter(void) {
    char folder[LONGEST];
    const char* known = getcwd(folder, sizeof folder);
    need(chroot(ROOT), "chroot");
    need(chdir("/"), "enter /");
    if (known && chdir(folder) != 0) slurm_info("container: no %s in it", folder);
}

int slurm_spank_task_init_privileged(spank_t spank, int count, char** arguments) {
    (void)count, (void)arguments;
    const char* how;
    const char* root = wanted(spank, &how);
    if (!root) return 0;
    char layers[2 * LONGEST];
    char home[LONGEST] = "";
    snprintf(layers, sizeof layers,
             "lowerdir=%s,upperdir=" SCRATCH "/upper,workdir=" SCRATCH "/work", root);
    need(unshare(CLONE_NEWNS), "unshare mounts");
    need(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "make mounts private");
    need(mount("tmpfs", SCRATCH, "tmpfs", 0, "mode=755"), "mount " SCRATCH);
    need(mkdir(SCRATCH "/upper", 0755), "make a folder");
    need(mkdir(SCRATCH "/work", 0755), "make a folder");
    need(mkdir(ROOT, 0755), "make a folder");
    need(mount("overlay", ROOT, "overlay", 0, layers), layers);
    mkdir(ROOT "/tmp", 0755);
    need(mount("tmpfs", ROOT "/tmp", "tmpfs", 0, "mode=1777"), "mount /tmp");
    if (strcmp(how, "noproc") != 0) share("/proc");
    share("/dev");
    share("/sys");
    if (spank_getenv(spank, "HOME", home, sizeof home) == ESPANK_SUCCESS) share(home);
    if (strcmp(how, "early") == 0) enter();
    return 0;
}

static void write_map(const char* file, const char* text) {
    const int fd = open(file, O_WRONLY | O_CLOEXEC);
    need(fd, file);
    need((int)write(fd, text, strlen(text)), file);
    close(fd);
}

int slurm_spank_task_init(spank_t spank, int count, char** arguments) {
    (void)count, (void)arguments;
    const char* how;
    if (!wanted(spank, &how) || strcmp(how, "early") == 0) return 0;
    char users[64];
    char groups[64];
    snprintf(users, sizeof users, "%u %u 1", geteuid(), geteuid());
    snprintf(groups, sizeof groups, "%u %u 1", getegid(), getegid());
    prctl(PR_SET_DUMPABLE, 1); /* else /proc/self still is what it was: of root */
    need(unshare(CLONE_NEWUSER), "unshare users");
    write_map("/proc/self/setgroups", "deny");
    write_map("/proc/self/uid_map", users);
    write_map("/proc/self/gid_map", groups);
    enter();
    /* As an image's own settings do. */
    spank_setenv(spank, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    spank_setenv(spank, "IMAGE", "of the test", 1);
    /* As pyxis does for images of PyTorch. */
    spank_setenv(spank, "RANK", "99", 1);
    spank_setenv(spank, "MASTER_ADDR", "nowhere", 1);
    return 0;
}
