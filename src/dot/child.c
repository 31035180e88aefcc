/* One child process for each piece of Graphviz work. The library keeps global state, may abort()
 * on odd graphs, writes to stderr and cannot be stopped: a process of its own makes all four
 * harmless. The child answers through a pipe: 'K' and data, or 'E', a status byte and a text.
 *
 * fork without exec is safe here because glibc makes malloc and stdio usable in the child of a
 * threaded program, and the libraries behind Graphviz are never entered in the parent, so none of
 * their locks can be held. Should anything wait for ever all the same, the time limit ends it. */
#include "dot/dot_priv.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_REPLY = 256 << 20, POLL_MS = 10 };

static void write_all(int fd, const void *data, size_t size)
{
    const char *p = data;
    while (size > 0) {
        ssize_t k = write(fd, p, size);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return; /* the parent has gone or given up */
        p += k;
        size -= (size_t)k;
    }
}

void dot_reply(int fd, const void *data, size_t size)
{
    write_all(fd, "K", 1);
    write_all(fd, data, size);
}

void dot_reply_error(int fd, enum status code, const char *text)
{
    char head[2] = {'E', (char)code};
    write_all(fd, head, 2);
    write_all(fd, text, strlen(text));
}

static void close_between(int first, int last)
{
    if (first > last)
        return;
    if (close_range((unsigned)first, (unsigned)last, 0) == 0)
        return;
    for (int fd = first; fd <= last && fd < 4096; fd++)
        close(fd);
}

/* Nothing of the parent stays but the two descriptors: no terminal, no handlers, no mask. */
static void become_child(pid_t parent, int *reply_fd, int *keep_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);

    *reply_fd = fcntl(*reply_fd, F_DUPFD, 3);
    if (*keep_fd >= 0)
        *keep_fd = fcntl(*keep_fd, F_DUPFD, 3);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        if (null < 0 || dup2(null, fd) < 0)
            close(fd);
    int lo = *reply_fd, hi = *keep_fd;
    if (hi >= 0 && hi < lo) {
        lo = *keep_fd;
        hi = *reply_fd;
    }
    close_between(3, lo - 1);
    if (hi >= 0)
        close_between(lo + 1, hi - 1);
    close_between((hi >= 0 ? hi : lo) + 1, ~0U >> 1);
    setlocale(LC_ALL, "C"); /* Graphviz reads and writes numbers by the locale */
}

/* Reads until the child closes the pipe. */
static enum status collect(int fd, double limit_s, const int *cancel, struct str *reply,
                           struct err *err)
{
    double deadline = clock_s() + limit_s;
    char buf[16384];
    for (;;) {
        if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
            return err_set(err, ST_CANCELLED, "drawing was cancelled");
        if (clock_s() > deadline)
            return err_set(err, ST_UNSUPPORTED, "Graphviz needs longer than %.3g s for this graph",
                           limit_s);
        struct pollfd p = {fd, POLLIN, 0};
        int ready = poll(&p, 1, POLL_MS);
        if (ready < 0 && errno != EINTR)
            return err_set(err, ST_INTERNAL, "poll: %s", strerror(errno));
        if (ready <= 0)
            continue;
        ssize_t k = read(fd, buf, sizeof buf);
        if (k < 0 && errno != EINTR && errno != EAGAIN)
            return err_set(err, ST_INTERNAL, "read from Graphviz: %s", strerror(errno));
        if (k == 0)
            return ST_OK;
        if (k > 0)
            str_add_n(reply, buf, (size_t)k);
        if (reply->n > MAX_REPLY)
            return err_set(err, ST_UNSUPPORTED, "the drawing is too large");
    }
}

static enum status verdict(int wait_status, struct str *reply, struct err *err)
{
    if (reply->n > 2 && reply->s[0] == 'E') {
        enum status code = (enum status)reply->s[1];
        return err_set(err, code, "%s", reply->s + 2);
    }
    if (WIFSIGNALED(wait_status))
        return err_set(err, ST_UNSUPPORTED, "Graphviz gave up on this graph (%s)",
                       strsignal(WTERMSIG(wait_status)));
    if (reply->n == 0 || reply->s[0] != 'K')
        return err_set(err, ST_UNSUPPORTED, "Graphviz gave no answer");
    return ST_OK;
}

enum status dot_child(dot_work *work, void *arg, int keep_fd, double limit_s, const int *cancel,
                      struct str *reply, struct err *err)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) != 0)
        return err_set(err, ST_INTERNAL, "pipe: %s", strerror(errno));
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        int e = errno;
        close(p[0]);
        close(p[1]);
        return err_set(err, ST_INTERNAL, "fork: %s", strerror(e));
    }
    if (pid == 0) {
        become_child(parent, &p[1], &keep_fd);
        work(p[1], keep_fd, arg);
        _exit(0); /* no atexit handlers, no flushing of the parent's buffers */
    }
    close(p[1]);
    enum status st = collect(p[0], limit_s, cancel, reply, err);
    close(p[0]);
    if (st != ST_OK)
        kill(pid, SIGKILL);
    int wait_status = 0;
    while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
        ;
    if (st == ST_OK)
        st = verdict(wait_status, reply, err);
    return st;
}
