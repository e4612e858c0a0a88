import org.eclipse.hawkbit.autoconfigure.security.EnableHawkbitManagedSecurityConfiguration;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** hawkBit, with its management API, its device API, and its data in memory. */
@SpringBootApplication(scanBasePackages = "org.eclipse.hawkbit.autoconfigure")
@EnableHawkbitManagedSecurityConfiguration
public class Server {
  public static void main(String[] args) {
    SpringApplication.run(Server.class, args);
  }
}
