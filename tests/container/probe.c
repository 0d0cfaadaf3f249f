/* What a program may do in the node's container, whoever wrote it: a line for each thing that it tries, with the error. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Each in a process of its own, as some change what the next may do. It is over when nobody holds the pipe: `wait` is not to be
 * had in there. */
#define TRY(what, call)                                                              \
    do {                                                                             \
        int ends[2];                                                                 \
        char none;                                                                   \
        if (pipe2(ends, 0) < 0)                                                      \
            return 1;                                                                \
        if (fork() == 0) {                                                           \
            printf("%s: %s\n", what, (call) < 0 ? strerrorname_np(errno) : "done");  \
            fflush(stdout);                                                          \
            _exit(0);                                                                \
        }                                                                            \
        close(ends[1]);                                                              \
        read(ends[0], &none, 1);                                                     \
        close(ends[0]);                                                              \
    } while (0)

int main(void)
{
    TRY("write to the root", open("/written", O_WRONLY | O_CREAT, 0600));
    TRY("open a switch of the kernel", open("/sys/kernel/mm/ksm/run", O_WRONLY));
    TRY("make a device file", mknod("/dev/shm/memory", S_IFCHR | 0600, makedev(1, 1)));
    TRY("mount", mount("none", "/dev/shm", "tmpfs", 0, NULL));
    TRY("make a namespace", unshare(CLONE_NEWUSER));
    TRY("trace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    TRY("become root", setuid(0));
    TRY("send raw packets", socket(AF_PACKET, SOCK_RAW, 0));
    TRY("type into its terminal", ioctl(0, TIOCSTI, "x"));
    TRY("hold the address of another chip", ioctl(0, 0x0703, 0x50));
    TRY("reach a broker", socket(AF_INET, SOCK_STREAM, 0));
    return 0;
}
