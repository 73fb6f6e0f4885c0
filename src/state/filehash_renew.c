#include <fcntl.h>
#include <sys/stat.h>

#include "state/filehash.h"
#include "state/filehash_entry.h"

static bool is_of_kind(mode_t mode, enum file_state state)
{
	return state == FILE_REGULAR ? S_ISREG(mode) : state == FILE_FOLDER && S_ISDIR(mode);
}

bool filehash_renew(struct filehash *fh, struct str path)
{
	struct entry *e = map_get(&fh->files, path);
	unsigned looked = e ? e->looked : 0;
	struct file_found found;

	if (!looked || e->link || !filehash_c_path(&e->file))
		return false;
	file_find(fh->root_fd, e->file.path.p, looked & LOOKED_AT ? AT_SYMLINK_NOFOLLOW : 0, &found);
	if (found.err || !is_of_kind(found.mode, e->file.state))
		return false;
	e->file.state = FILE_UNKNOWN;
	e->file.hashed = false;
	e->racy = e->changed = false;
	e->looked = 0;
	if (looked & LOOKED_AT)
		filehash_take_part(fh, &e->file, &found);
	else
		filehash_take_look(fh, &e->file, &found);
	e->looked = looked & 3;
	return true;
}
