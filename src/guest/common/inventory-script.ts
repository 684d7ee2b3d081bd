/**
 * The one script that asks the appliance what the disks hold. It runs the appliance's programs only and its text is fixed:
 * nothing that a guest wrote ever becomes part of it. Each line of its answer is a word, then fields: `=text`, or base64,
 * or `-` for an empty one. (Every program that is started costs some 30 ms without KVM, so the shell does what it can.)
 */
const LSBLK_COLUMNS = [
  'NAME,KNAME,PATH,TYPE,SIZE,FSTYPE,UUID,LABEL,PARTUUID,PARTLABEL,PARTTYPE,PTTYPE,SERIAL,HCTL',
].join(',');

/** Filesystems that a Linux system may stand on, as blkid names them. */
export const LINUX_FILESYSTEMS = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'jfs', 'reiserfs'] as const;

/** Paths whose presence says what a filesystem is for. */
const MARKERS = [
  'etc/os-release',
  'usr/lib/os-release',
  'etc/redhat-release',
  'etc/system-release',
  'etc/debian_version',
  'etc/fstab',
  'etc/passwd',
  'sbin/init',
  'usr/sbin/init',
  'lib/systemd/systemd',
  'usr/lib/systemd/systemd',
  '.discinfo',
  '.treeinfo',
  'casper',
  'LiveOS',
  'ostree',
] as const;

/** Files that are read from every possible root: where the rest is mounted, and which links lead there. */
const PEEK_FILES =
  'bin sbin lib lib64 usr usr/lib usr/bin usr/sbin etc boot var efi home srv opt mnt ' +
  'etc/fstab etc/crypttab etc/os-release usr/lib/os-release';

export const INVENTORY_SCRIPT = `
b() { x=$(base64 -w0); printf '%s\\n' "\${x:--}"; }
w() {
  case "$1" in
    '') printf ' -' ;;
    *[!A-Za-z0-9/_.,+:-]*) printf ' %s' "$(printf %s "$1" | base64 -w0)" ;;
    *) printf ' =%s' "$1" ;;
  esac
}
printf 'lsblk '; lsblk -J -b -o ${LSBLK_COLUMNS} | b
# The appliance's own disk is the one that its root is on.
a=
while read -r _ _ n _ p _; do if [ "$p" = / ]; then a=$n; fi; done < /proc/self/mountinfo
l=$(lsblk -rnpo MAJ:MIN,PATH,TYPE,FSTYPE)
each() { printf '%s\\n' "$l"; }
each | while read -r n d t f; do
  if [ "$t" = disk ] && [ "$n" != "$a" ]; then printf 'mbr'; w "$d"; printf ' '; head -c 512 "$d" | b; fi
done
m=/tmp/drover-peek
n=/tmp/drover-peek-top
mkdir -p $m $n
peek() {
  cd "$4" || return
  f=
  for x in ${MARKERS.join(' ')}; do
    if [ -e "$x" ] || [ -L "$x" ]; then f="$f,$x"; fi
  done
  for x in boot/vmlinu* boot/kernel-*; do
    if [ -e "$x" ]; then f="$f,boot/kernel"; break; fi
  done
  printf 'peek'; w "$1"; w "$2"; w "$3"; w "$f"; printf ' '
  case "$f" in
    *etc/*) find ${PEEK_FILES} -maxdepth 0 -size -1025k -print | tar --no-recursion -cf - -T - | b ;;
    *) echo - ;;
  esac
  cd /
}
seen=" $a "
each | while read -r i d _ t; do
  # A volume over several disks is listed below each of them.
  case $seen in *" $i "*) continue ;; esac
  seen="$seen$i "
  case $t in
    ${LINUX_FILESYSTEMS.join('|')}) ;;
    ntfs)
      if mount -t ntfs-3g -o ro "$d" $m || mount -t ntfs3 -o ro "$d" $m; then
        for x in $m/[Ww][Ii][Nn][Dd][Oo][Ww][Ss]/[Ss][Yy][Ss][Tt][Ee][Mm]32; do
          if [ -d "$x" ]; then printf 'windows'; w "$d"; echo; fi
        done
        umount $m
      fi
      continue ;;
    *) continue ;;
  esac
  r=norecovery
  case $t in ext*) r=noload ;; esac
  if ! e=$(mount -t "$t" -o ro "$d" $m 2>&1) && ! mount -t "$t" -o ro,$r "$d" $m; then
    printf 'refused'; w "$d"; w "$e"; echo
    continue
  fi
  if [ "$t" = btrfs ]; then
    if mount -t btrfs -o ro,subvolid=5 "$d" $n; then
      printf 'default'; w "$d"; w "$(btrfs subvolume get-default $n)"; echo
      btrfs subvolume list $n | while read -r _ id _ _ _ _ _ _ s; do
        case $s in */.snapshots/*|.snapshots/*|*var/lib/*) continue ;; esac
        if [ -d "$n/$s" ]; then peek "$d" "$s" "$id" "$n/$s"; fi
      done
      peek "$d" '' 5 $n
      umount $n
    fi
  else
    peek "$d" '' '' $m
  fi
  umount $m
done
printf 'kernel '; dmesg | b
`;
