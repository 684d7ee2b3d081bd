/* Generated from schemas/playbook.schema.json by scripts/gen-types.mjs. Do not edit. */

/**
 * Fragments whose sections are merged under this file. Paths are relative to this file and stay below the project root.
 *
 * Items: Path of a file of `kind: PlaybookFragment`.
 */
export type Include = string[];
/**
 * Entries of this file win over entries of the same name in other files, instead of being an error.
 */
export type Override = boolean;
/**
 * Environment variables that `${env:NAME}` may read; enforced with `--strict`.
 *
 * Items: Name of an environment variable.
 */
export type EnvAllow = string[];
/**
 * One origin of virtual machines.
 */
export type Source = LocalSource;
/**
 * One destination.
 */
export type Target = FilesTarget;
/**
 * Preflight concerns that you accept, each with the reason; they are printed in the report.
 *
 * Items: One accepted concern.
 */
export type Waivers = {
  /**
   * Code of the concern.
   */
  concern: string;
  /**
   * Name or glob of the virtual machines it holds for; all unless given.
   */
  vm?: string;
  /**
   * Why it is accepted.
   */
  reason: string;
  /**
   * Last day it holds.
   */
  until?: string;
}[];
/**
 * Name of a virtual machine: letters, digits, dot, dash, underscore and space, at most 80 characters.
 */
export type VmName = string;
/**
 * A file below the folder of the source.
 */
export type RelativeFile = string;
/**
 * Lower-case letters, digits and dashes, at most 63 characters.
 */
export type Name = string;
/**
 * A whole number, or a percentage such as `10%`.
 */
export type PercentOrCount = number | string;

/**
 * A migration playbook: which virtual machines move, from where, to where, in which waves and with which settings.
 */
export interface Playbook {
  /**
   * Version of the playbook language.
   */
  apiVersion: 'drover/v1alpha1';
  /**
   * Type of the document.
   */
  kind: 'Playbook';
  metadata: Metadata;
  include?: Include;
  override?: Override;
  vars?: Vars;
  envAllow?: EnvAllow;
  sources?: Sources;
  targets?: Targets;
  hosts?: Hosts;
  mappings?: Mappings;
  profiles?: Profiles;
  defaults?: Settings;
  policies?: Policies;
  limits?: Limits;
  waive?: Waivers;
  hooks?: Hooks;
  windows?: Windows;
  gates?: Gates;
  /**
   * Ordered groups of virtual machines. Waves run one after another in the order of their dependencies.
   *
   * @minItems 1
   */
  waves: Wave[];
}
/**
 * Names the playbook. The name is part of every task's identity: renaming a playbook forgets its history.
 */
export interface Metadata {
  /**
   * Name of the playbook: lower-case letters, digits and dashes, at most 63 characters.
   */
  name: string;
  labels?: Labels;
  /**
   * Anything you want to keep with the playbook; Drover ignores it.
   */
  annotations?: {
    [k: string]: unknown;
  };
  /**
   * What this playbook does, for people.
   */
  description?: string;
}
/**
 * Your own key and value pairs, usable in selectors.
 */
export interface Labels {
  /**
   * Value of the label.
   */
  [k: string]: string;
}
/**
 * Values for `${var:name}`. They may use `${env:NAME}` and each other.
 */
export interface Vars {
  /**
   * A text, a number, true or false; or a reference to a secret.
   */
  [k: string]: string | number | boolean | SecretRef;
}
/**
 * Where to find a secret when it is needed. The value itself never stands in a playbook.
 */
export interface SecretRef {
  /**
   * The reference.
   */
  secretRef: EnvSecret | FileSecret | ExecSecret;
}
/**
 * An environment variable.
 */
export interface EnvSecret {
  /**
   * Where the value is kept.
   */
  provider: 'env';
  /**
   * Name of the environment variable.
   */
  name: string;
}
/**
 * A file that only its owner can read.
 */
export interface FileSecret {
  /**
   * Where the value is kept.
   */
  provider: 'file';
  /**
   * File that holds the value; readable by its owner only.
   */
  path: string;
}
/**
 * The output of a program.
 */
export interface ExecSecret {
  /**
   * Where the value is kept.
   */
  provider: 'exec';
  /**
   * Program and arguments that print the value; no shell.
   *
   * @minItems 1
   *
   * Items: The program, then one argument each.
   */
  run: string[];
}
/**
 * Where virtual machines come from, by name.
 */
export interface Sources {
  [k: string]: Source;
}
/**
 * Disk images, OVA, OVF and VMX files in a folder of this machine. They are opened read-only and never changed.
 */
export interface LocalSource {
  /**
   * Files of this machine.
   */
  type: 'local';
  /**
   * This entry wins over one of the same name in another file, instead of being an error.
   */
  override?: boolean;
  /**
   * Folder that holds the files; relative to the file this stands in.
   */
  dir: string;
  /**
   * Further folders that descriptors and backing chains may refer to.
   *
   * Items: A folder; relative to the file this stands in.
   */
  allowDirs?: string[];
  /**
   * What this origin can bear.
   */
  limits?: {
    /**
     * Disks read from this origin at the same time.
     */
    connections?: number;
  };
}
/**
 * Where finished virtual machines go, by name.
 */
export interface Targets {
  [k: string]: Target;
}
/**
 * A folder that gets one subfolder per virtual machine with its disks and its libvirt domain XML.
 */
export interface FilesTarget {
  /**
   * A folder of this machine.
   */
  type: 'files';
  /**
   * This entry wins over one of the same name in another file, instead of being an error.
   */
  override?: boolean;
  /**
   * Folder for the products; relative to the file this stands in.
   */
  dir: string;
  /**
   * What this destination can bear.
   */
  limits?: {
    /**
     * Disks written to this destination at the same time.
     */
    ingest?: number;
  };
}
/**
 * Conversion hosts. Without any, this machine is the only one.
 */
export interface Hosts {
  /**
   * This machine.
   */
  local?: {
    /**
     * Folder for intermediate files; the state folder unless given.
     */
    scratch?: string;
    /**
     * How much of each pool this host has. What is not given is measured.
     */
    capacity?: {
      /**
       * Transfers at the same time.
       */
      net?: number;
      /**
       * Units of disk traffic; FLATTEN and CONVERT take two.
       */
      disk?: number;
      /**
       * Processor units; as many as the machine has unless given.
       */
      cpu?: number;
      /**
       * Guest appliances and boot tests at the same time.
       */
      appliance?: number;
      /**
       * Bytes for intermediates; 90 % of what is free at the start unless given.
       */
      scratch?: string;
    };
  };
}
/**
 * Translates names of the origin into names of the destination. The first match wins.
 */
export interface Mappings {
  /**
   * Network maps by name; `default` serves everything that names no other.
   */
  networks?: {
    /**
     * One map: its rules in order.
     *
     * Items: One rule.
     */
    [k: string]: {
      /**
       * Name or glob at the origin.
       */
      from: string;
      /**
       * Libvirt network, or `bridge:NAME` for a host bridge.
       */
      to: string;
    }[];
  };
}
/**
 * Named sets of settings that virtual machines can take.
 */
export interface Profiles {
  [k: string]: Settings;
}
/**
 * How one virtual machine is moved. The same keys stand in `defaults`, in profiles and in `overrides` of waves and virtual machines; the narrowest scope wins.
 */
export interface Settings {
  /**
   * Lower-case letters, digits and dashes, at most 63 characters.
   */
  source?: string;
  /**
   * Lower-case letters, digits and dashes, at most 63 characters.
   */
  target?: string;
  /**
   * Firmware of the new machine; `auto` takes what the descriptor says or what the disks need.
   */
  firmware?: 'auto' | 'bios' | 'uefi';
  /**
   * Machine type.
   */
  machine?: 'auto' | 'q35' | 'pc';
  /**
   * Memory of the new machine; from the descriptor, else 2GiB.
   */
  memory?: string;
  /**
   * Virtual processors; from the descriptor, else 2.
   */
  cpus?: number;
  /**
   * Network adapters by position (`"0"`, `"1"`, …); added to or laid over those of the descriptor.
   */
  nics?: {
    /**
     * One network adapter.
     */
    [k: string]: {
      /**
       * MAC address; from the descriptor unless given. Quote it.
       */
      mac?: string;
      /**
       * Model; `auto` takes virtio when the guest has the driver.
       */
      model?: 'auto' | 'virtio' | 'e1000e' | 'e1000' | 'rtl8139';
      /**
       * Libvirt network, or `bridge:NAME`; from the mappings unless given.
       */
      network?: string;
    };
  };
  /**
   * Which map of `mappings.networks` to use.
   */
  networkMap?: string;
  disk?: DiskSettings;
  /**
   * Settings of single disks by position (`"0"`, `"1"`, …), laid over `disk`.
   */
  disks?: {
    [k: string]: DiskSettings;
  };
  /**
   * What is known about the operating system inside.
   */
  guest?: {
    /**
     * `none` says that there is no system to fix (data disks).
     */
    family?: 'auto' | 'linux' | 'none';
    /**
     * Root filesystem when several were found: a UUID, a label, or the device name that the refusal printed.
     */
    root?: string;
  };
  /**
   * How the bytes are brought here.
   */
  fetch?: {
    /**
     * Copy local images into the scratch folder first (removable or slow media).
     */
    copy?: boolean;
    /**
     * Check an archive against its manifest; a mismatch fails the machine.
     */
    verifyManifest?: boolean;
    /**
     * Which images of a bundle are disks: `all`, `largest` or a glob.
     */
    select?: string;
    /**
     * How many levels of archives within archives are opened.
     */
    nested?: number;
  };
  /**
   * How a disk and its chain become one writable image.
   */
  flatten?: {
    /**
     * How the writable image is made. overlay: an empty layer above the untouched source. copy: collapse the chain into the scratch folder first. auto: overlay on local filesystems, else copy.
     */
    mode?: 'auto' | 'overlay' | 'copy';
    /**
     * With `copy`: compare every byte of the copy with the source chain.
     */
    verify?: 'none' | 'full';
    /**
     * Accept a VMDK chain whose content ids do not match. The data may be wrong; the report says so loudly.
     */
    ignoreCid?: boolean;
  };
  /**
   * Which repairs are made inside the guest.
   */
  fix?: {
    /**
     * `none` changes nothing inside the guest.
     */
    mode?: 'auto' | 'none';
    /**
     * Filesystem checks before editing; `check` replays a dirty journal.
     */
    fsck?: 'off' | 'check' | 'repair';
    /**
     * Which entries of /etc/fstab are rewritten; `stabilize` takes every name that changes with the hypervisor.
     */
    fstab?: 'stabilize' | 'bypath-only' | 'all-uuid' | 'off';
    /**
     * Whether agents of the old hypervisor are removed.
     */
    agents?: 'auto' | 'keep';
    /**
     * Keep the old version of every changed file in the guest under /var/lib/drover/backup.
     */
    backup?: boolean;
    /**
     * How missing drivers get into the initramfs.
     */
    initramfs?: {
      /**
       * `auto` touches an initramfs only when it lacks what the new machine needs.
       */
      when?: 'auto' | 'always' | 'never';
      /**
       * How it is done. append: add a segment with the guest's own modules. rebuild: run the guest's own tool in the appliance.
       */
      method?: 'auto' | 'append' | 'rebuild';
    };
    /**
     * Boot loader settings.
     */
    boot?: {
      /**
       * Add a serial console to the kernel arguments.
       */
      serialConsole?: boolean;
    };
    /**
     * Labels of changed files; `auto` relabels only what was touched and falls back to a full relabel at first boot.
     */
    selinux?: 'auto' | 'autorelabel' | 'off';
  };
  /**
   * Names and addresses of network adapters inside the guest.
   */
  network?: {
    /**
     * What happens to pinned addresses. preserve: the new machine has the old addresses, pins in the guest stay valid. strip: pins are removed.
     */
    mac?: 'preserve' | 'strip';
    /**
     * What happens to interface names. preserve: every adapter keeps its old interface name, so that static addresses, firewalls and bonds stay valid.
     */
    naming?: 'preserve' | 'off';
    /**
     * Keep cloud-init from writing the network configuration again.
     */
    freezeCloudInit?: boolean;
  };
  /**
   * How the product is written.
   */
  convert?: {
    /**
     * How the product is checked. check: structure of the image. full: also compare every byte.
     */
    verify?: 'none' | 'check' | 'full';
    /**
     * Write a sha256 file beside each product.
     */
    checksum?: boolean;
    /**
     * Replace files at the product's place that Drover did not write.
     */
    overwrite?: boolean;
  };
  /**
   * How the product is proven.
   */
  validate?: {
    /**
     * Each level includes the ones before it. `auto` is `network` for a guest that was fixed when KVM is usable, else `boot` when a Linux guest was fixed, else `fs`.
     */
    level?: 'auto' | 'none' | 'image' | 'fs' | 'boot' | 'network';
    /**
     * Whether an inconclusive proof fails the machine.
     */
    required?: boolean;
    /**
     * Add a console and a reporting unit to the throw-away overlay, so that guests without a serial console can be proven.
     */
    instrument?: boolean;
    /**
     * Limit for the boot under KVM; scaled by the measured slowness without KVM.
     */
    timeout?: string;
    /**
     * Memory of the boot test; that of the machine, at most 2GiB, unless given.
     */
    memory?: string;
  };
  /**
   * Longest time of a stage; measured from the size of the disks unless given.
   */
  timeouts?: {
    /**
     * Longest time of this stage.
     *
     * This interface was referenced by `undefined`'s JSON-Schema definition
     * via the `patternProperty` "^[A-Z]+$".
     */
    [k: string]: string;
  };
  /**
   * Attempts per stage for failures that may pass; `default` is for stages that are not named.
   */
  retries?: {
    /**
     * Attempts.
     *
     * This interface was referenced by `undefined`'s JSON-Schema definition
     * via the `patternProperty` "^[A-Za-z]+$".
     */
    [k: string]: number;
  };
  /**
   * Which intermediate files stay after the run.
   */
  keepIntermediates?: 'none' | 'failed' | 'all';
}
/**
 * How a disk is written and attached.
 */
export interface DiskSettings {
  /**
   * Format of the product.
   */
  format?: 'qcow2' | 'raw';
  /**
   * Compression of a qcow2 product.
   */
  compress?: 'none' | 'zstd' | 'zlib';
  /**
   * Space reserved in advance.
   */
  preallocation?: 'off' | 'metadata' | 'falloc' | 'full';
  /**
   * Bus of the disk in the new machine; `auto` takes virtio when the guest can boot from it.
   */
  bus?: 'auto' | 'virtio-blk' | 'virtio-scsi' | 'sata' | 'ide';
}
/**
 * What happens when virtual machines fail.
 */
export interface Policies {
  /**
   * What a failure does to the others. continue: go on with the others. halt: start nothing new. abort: halt and cancel what runs.
   */
  onFailure?: 'continue' | 'halt' | 'abort';
  /**
   * Failures tolerated before `continue` turns into `halt`; breached when failures exceed it.
   */
  maxFailures?: number | string;
}
/**
 * Upper bounds; a narrower scope can only lower them.
 */
export interface Limits {
  /**
   * Virtual machines under way at the same time.
   */
  maxVmsInFlight?: number;
}
/**
 * Commands to run around waves and virtual machines. Accepted by the language; this version refuses to plan a playbook that uses one.
 */
export interface Hooks {
  /**
   * One hook.
   */
  [k: string]: {
    [k: string]: unknown;
  };
}
/**
 * Maintenance windows. Accepted by the language; this version refuses to plan a playbook that uses one.
 */
export interface Windows {
  /**
   * One window.
   */
  [k: string]: {
    [k: string]: unknown;
  };
}
/**
 * Points that wait for an approval or a check. Accepted by the language; this version refuses to plan a playbook that uses one.
 */
export interface Gates {
  /**
   * One gate.
   */
  [k: string]: {
    [k: string]: unknown;
  };
}
/**
 * A group of virtual machines that moves together.
 */
export interface Wave {
  /**
   * Lower-case letters, digits and dashes, at most 63 characters.
   */
  name: string;
  /**
   * What this wave is, for people.
   */
  description?: string;
  labels?: Labels;
  /**
   * The virtual machines, each a name or a map.
   *
   * Items: A machine: its name, or a map.
   */
  vms?: (VmName | Vm)[];
  /**
   * A file that lists virtual machines; the way for more than a few hundred.
   */
  vmsFrom?: {
    /**
     * The list; relative to the file this stands in.
     */
    file: string;
    /**
     * Format of the list; by its suffix unless given.
     */
    format?: 'csv' | 'json' | 'ndjson';
    /**
     * Names of the columns (left: property of a virtual machine such as `name`, `ova` or `overrides.memory`; right: column). Columns named like the property need no entry; with any entry, further columns of the file are ignored.
     */
    columns?: {
      /**
       * Name of the column.
       */
      [k: string]: string;
    };
  };
  /**
   * Sizes of the batches, canary first; each batch must pass the policy before the next one starts. The last value repeats until every machine is covered.
   *
   * @minItems 1
   */
  batches?: PercentOrCount[];
  /**
   * Waves that must be through before this one starts.
   *
   * Items: One dependency.
   */
  dependsOn?: {
    /**
     * Lower-case letters, digits and dashes, at most 63 characters.
     */
    wave: string;
    /**
     * How many of its virtual machines must have succeeded: `all`, a number or a percentage.
     */
    require?: number | string;
    /**
     * What to do when fewer succeeded.
     */
    onUpstreamFailure?: 'block' | 'proceed';
  }[];
  /**
   * Profiles for every virtual machine of the wave, in order.
   */
  profiles?: Name[];
  overrides?: Settings;
  policies?: Policies;
  limits?: Limits;
  /**
   * Windows of this wave; see `windows` of the playbook.
   *
   * Items: One use.
   */
  windows?: {
    [k: string]: unknown;
  }[];
  /**
   * Gates of this wave; see `gates` of the playbook.
   *
   * Items: One use.
   */
  gates?: {
    [k: string]: unknown;
  }[];
  /**
   * Hooks of this wave; see `hooks` of the playbook.
   */
  hooks?: {
    [k: string]: unknown;
  };
}
/**
 * One virtual machine. Exactly one of `disks`, `ova`, `ovf`, `vmx` and `bundle` says what it is made of; without any, a file named after it is looked for.
 */
export interface Vm {
  name: VmName;
  /**
   * Lower-case letters, digits and dashes, at most 63 characters.
   */
  source?: string;
  /**
   * Lower-case letters, digits and dashes, at most 63 characters.
   */
  target?: string;
  /**
   * Disk images in bus order, below the folder of the source; a name, or a map when the format must be forced.
   *
   * @minItems 1
   *
   * Items: One disk image.
   */
  disks?: (
    | RelativeFile
    | {
        file: RelativeFile;
        /**
         * Format of the image; `raw` must be said, everything else is recognised by its first bytes.
         */
        format?: 'raw' | 'qcow2' | 'vmdk' | 'vhd' | 'vhdx' | 'vdi';
      }
  )[];
  /**
   * A file below the folder of the source.
   */
  ova?: string;
  /**
   * A file below the folder of the source.
   */
  ovf?: string;
  /**
   * A file below the folder of the source.
   */
  vmx?: string;
  /**
   * A file below the folder of the source.
   */
  bundle?: string;
  /**
   * Id or name of the virtual system when the descriptor holds several.
   */
  system?: string;
  labels?: Labels;
  /**
   * Profiles for this virtual machine, in order; later ones win.
   */
  profiles?: Name[];
  /**
   * Virtual machines that must have reached a stage before this one starts.
   *
   * Items: One dependency.
   */
  dependsOn?: {
    /**
     * Name of a virtual machine: letters, digits, dot, dash, underscore and space, at most 80 characters.
     */
    vm: string;
    /**
     * Stage that the other machine must have finished.
     */
    reached?: 'FETCH' | 'FLATTEN' | 'INSPECT' | 'PLAN' | 'FIX' | 'CONVERT' | 'VALIDATE';
  }[];
  overrides?: Settings;
}
