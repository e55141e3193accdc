package org.popflow;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.crypto.FileDecryptionProperties;
import org.apache.parquet.crypto.FileEncryptionProperties;
import org.apache.parquet.crypto.ParquetCryptoRuntimeException;
import org.apache.parquet.crypto.keytools.PropertiesDrivenCryptoFactory;
import org.apache.parquet.hadoop.api.WriteSupport;

/**
 * Encrypts every Parquet file below one folder, whoever writes it, but for Delta's own checkpoints. A file is bound to
 * its path below the folder (as prefix of the additional authenticated data): one in another's place, or a plain one,
 * is not read.
 */
public final class ZoneCrypto extends PropertiesDrivenCryptoFactory {

  public FileEncryptionProperties getFileEncryptionProperties(
      Configuration conf, Path file, WriteSupport.WriteContext context) throws ParquetCryptoRuntimeException {
    java.nio.file.Path name = nameInZone(conf, file);
    if (name == null || isOfLog(name)) {
      return null;
    }
    FileEncryptionProperties made = super.getFileEncryptionProperties(conf, file, context);
    return FileEncryptionProperties.builder(made.getFooterKey())
        .withFooterKeyMetadata(made.getFooterKeyMetadata())
        .withAADPrefix(name.toString().getBytes(StandardCharsets.UTF_8))
        .build();
  }

  public FileDecryptionProperties getFileDecryptionProperties(Configuration conf, Path file)
      throws ParquetCryptoRuntimeException {
    FileDecryptionProperties made = super.getFileDecryptionProperties(conf, file);
    java.nio.file.Path name = nameInZone(conf, file);
    boolean bound = name != null && !isOfLog(name) && !name.getName(0).toString().startsWith("_");
    if (!bound || conf.getBoolean("popflow.unbound.files", false)) {
      return made;
    }
    return FileDecryptionProperties.builder()
        .withKeyRetriever(made.getKeyRetriever())
        .withAADPrefixVerifier(new BoundName(name.toString()))
        .build();
  }

  /** The path of a file below the zone; null where it lies elsewhere. */
  private static java.nio.file.Path nameInZone(Configuration conf, Path file) {
    String zone = conf.get("popflow.encrypted.zone");
    if (zone == null) {
      throw new ParquetCryptoRuntimeException("popflow: it is not said which zone is encrypted");
    }
    String scheme = file.toUri().getScheme();
    if (scheme != null && !scheme.equals("file")) {
      return null;
    }
    java.nio.file.Path root = withoutLinks(Paths.get(zone, new String[0]));
    java.nio.file.Path path = withoutLinks(Paths.get(file.toUri().getPath(), new String[0]));
    return path.startsWith(root) && !path.equals(root) ? root.relativize(path) : null;
  }

  private static boolean isOfLog(java.nio.file.Path name) {
    return name.getNameCount() > 2 && name.getName(1).toString().equals("_delta_log");
  }

  /** The absolute path, links resolved as far down as there is something. */
  private static java.nio.file.Path withoutLinks(java.nio.file.Path given) {
    java.nio.file.Path path = given.toAbsolutePath().normalize();
    java.nio.file.Path there = path.getParent();
    while (there != null && !Files.exists(there, new java.nio.file.LinkOption[0])) {
      there = there.getParent();
    }
    if (there == null) {
      return path;
    }
    try {
      return there.toRealPath(new java.nio.file.LinkOption[0]).resolve(there.relativize(path));
    } catch (IOException error) {
      throw new ParquetCryptoRuntimeException("popflow: " + there + ": cannot be looked into", error);
    }
  }
}
